"""The other peers: their list, what is sent to them, and what they hold."""
