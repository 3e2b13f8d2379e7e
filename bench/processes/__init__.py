"""What survives a process: its journal, its supervisor, its turns among others."""
