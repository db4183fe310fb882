//! A request to stop, made once, by any thread.
use crate::failure::{failure, Kind, Outcome};
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

#[derive(Default)]
pub struct Stop {
    asked: AtomicBool,
    told: Notify,
}

impl Stop {
    pub fn request(&self) {
        self.asked.store(true, Ordering::SeqCst);
        self.told.notify_waiters();
    }
    async fn wait(&self) {
        loop {
            let told = self.told.notified();
            tokio::pin!(told);
            told.as_mut().enable();
            if self.asked.load(Ordering::SeqCst) {
                return;
            }
            told.await;
        }
    }
}

/// The outcome of `work`, or Canceled as soon as it is asked for; then `work` is dropped.
pub async fn unless_stopped<T>(
    stop: Option<&Stop>,
    work: impl Future<Output = Outcome<T>>,
) -> Outcome<T> {
    let Some(stop) = stop else { return work.await };
    tokio::select! {
        biased;
        _ = stop.wait() => Err(failure(Kind::Canceled, "stopped on request")),
        outcome = work => outcome,
    }
}
