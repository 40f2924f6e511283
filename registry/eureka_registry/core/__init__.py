"""The registry as values and rules, without input, output or a clock."""
