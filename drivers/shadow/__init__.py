"""Volume shadowing, the driver of virtual units DSAn: up to three members, write bitmaps, copy and minicopy."""
