"""Sound: recordings from files, features of a second, and the rule that makes words of a network's answers."""
