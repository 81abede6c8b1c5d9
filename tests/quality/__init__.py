"""How well people are recognised, where the truth is known."""
