//! The will of rnet: the daemon that decides, records and drives.
