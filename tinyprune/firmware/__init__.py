"""Program → C → firmware image or project, and how files reach the user's folder."""
