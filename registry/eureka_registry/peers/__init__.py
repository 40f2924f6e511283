"""The other peers: who they are, what they are told, what they hold."""
