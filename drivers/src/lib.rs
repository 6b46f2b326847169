//! The answers of rnet: what each kind of network means in kernel resources.
