//! Runs a future apart, so that a panic in it is a value.

use std::future::Future;

use tokio::task::AbortHandle;

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs `future` as a task of its own; it ends with the returned future, even if that is dropped early.
///
/// # Errors
/// The text of a panic.
pub async fn guarded<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> Result<T, String> {
    let task = tokio::spawn(future);
    let _guard = AbortOnDrop(task.abort_handle());
    task.await.map_err(|error| match error.try_into_panic() {
        Ok(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("without a message");
            format!("panicked: {text}")
        }
        Err(error) => error.to_string(),
    })
}
