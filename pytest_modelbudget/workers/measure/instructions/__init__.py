"""The instructions of one inference, counted by Valgrind's tool callgrind."""
