"""The NCR/Symbios 53C810 PCI SCSI host adapter and near relatives."""
