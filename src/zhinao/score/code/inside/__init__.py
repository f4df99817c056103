"""What runs behind the walls, in processes of its own; imports the standard library alone."""
