//! From a run's record to JUnit and to text.
