"""What both kinds of worker process share; never imported by the pytest process."""
