//! Batches made ahead of their use.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use crate::{Error, Result};

/// Batches in order, made ahead by a thread of their own. Dropping it stops that thread.
#[derive(Debug)]
pub struct Prefetched<V> {
    receiver: Option<Receiver<Result<V>>>,
    producer: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

impl<V: Send + 'static> Prefetched<V> {
    /// Starts making batches: `make` is called until it yields nothing or an error. It should return soon once the
    /// flag that it is given is set. At most `ahead` finished batches wait, besides the one in the making.
    ///
    /// # Errors
    /// [`Error::Internal`] when the system has no thread left.
    pub fn start(
        ahead: usize,
        mut make: impl FnMut(&AtomicBool) -> Option<Result<V>> + Send + 'static,
    ) -> Result<Self> {
        let (sender, receiver) = sync_channel(ahead.max(1));
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let produce = move || {
            while !stopped.load(Ordering::Relaxed) {
                let Some(batch) = make(&stopped) else { break };
                let failed = batch.is_err();
                // Sending fails when nobody listens any more.
                if sender.send(batch).is_err() || failed {
                    break;
                }
            }
        };
        let producer = std::thread::Builder::new()
            .name("data".into())
            .spawn(produce)
            .map_err(|error| Error::Internal(format!("cannot start the data thread: {error}")))?;
        Ok(Self { receiver: Some(receiver), producer: Some(producer), stop })
    }
}

impl<V> Iterator for Prefetched<V> {
    type Item = Result<V>;

    fn next(&mut self) -> Option<Self::Item> {
        let received = self.receiver.as_ref()?.recv();
        if let Ok(Ok(batch)) = received {
            return Some(Ok(batch));
        }
        // The end, an error, or the thread's death.
        self.receiver = None;
        let outcome = self.producer.take().map(JoinHandle::join);
        match received {
            Ok(error) => Some(error),
            Err(_) if matches!(outcome, Some(Err(_))) => Some(Err(Error::Internal(
                "the data thread stopped unexpectedly (see the message above)".into(),
            ))),
            Err(_) => None,
        }
    }
}

impl<V> Drop for Prefetched<V> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A thread that waits for room in the channel wakes up when the other end is gone.
        self.receiver = None;
        if let Some(producer) = self.producer.take() {
            // It told its panic, if any, when it happened.
            let _ = producer.join();
        }
    }
}
