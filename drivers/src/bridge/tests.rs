//! The bridge driver's answers, as text.
