"""What makes a VAX a VAX and an Alpha an Alpha to a driver: pages, maps, barriers; and what both have."""
