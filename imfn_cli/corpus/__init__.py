"""Many files: what is done already, who does the rest, here or on a cluster, and films in parts."""
