"""The story that `amx demo` tells on the running cluster, in steps that check what they say."""
