"""Images: the embedded scenes, folders of the user's, and how either is read."""
