//! Tests of the bootstraps.
