"""The stages of `zhinao reason`, a module each."""
