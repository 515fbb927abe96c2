//! Events, ledger, outage interval, measurements, record and verdict of a drill: plain data.
