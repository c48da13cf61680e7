//! Guide: to be written.
