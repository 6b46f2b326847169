//! The embedded DNS of user-defined networks.
