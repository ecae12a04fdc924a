"""Host memory, and the maps through which a bus sees it."""
