"""What controllers are powered up from: images, their readable sources, and a manifest of both."""
