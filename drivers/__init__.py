"""Host drivers of VMS, for Alpha and VAX: they meet hardware as registers, memory bytes and interrupts."""
