//! What a training tells: records for files, a line for people.

use std::time::{Duration, Instant};

use super::{Progress, Yardstick};
use crate::Result;
use crate::run::{EventWriter, Kind, Memory, Metrics, Record, RunLog, megabytes};

/// What a person who watches sees of a training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Live {
    /// Epochs begun, from 1.
    pub epoch: usize,
    /// Epochs in all.
    pub epochs: usize,
    /// Steps done in this epoch.
    pub step: usize,
    /// Steps in an epoch.
    pub steps: usize,
    /// Loss of the last step; not a number where there was none yet.
    pub loss: f64,
    /// Learning rate of the last step.
    pub lr: f64,
    /// Instances (not views) a second, over the last records.
    pub images_per_second: f64,
    /// What these are called.
    pub instances: &'static str,
    /// Share of the time spent waiting for data.
    pub data_wait: f64,
    /// What is measured.
    pub yardstick: Yardstick,
    /// Its value when last measured.
    pub measured: Option<f64>,
}

impl Live {
    /// Steps done in all epochs.
    pub fn steps_done(&self) -> usize {
        self.epoch.saturating_sub(1) * self.steps + self.step
    }

    /// Steps to go.
    pub fn steps_left(&self) -> usize {
        (self.epochs * self.steps).saturating_sub(self.steps_done())
    }
}

/// Somebody who watches.
pub trait Observer {
    /// After every step.
    fn step(&mut self, live: &Live);

    /// After every epoch; `loss` is its mean.
    fn epoch(&mut self, live: &Live);

    /// Something that should be known at once.
    fn warn(&mut self, message: &str);
}

/// Watches without a word.
pub struct Silent;

impl Observer for Silent {
    fn step(&mut self, _live: &Live) {}

    fn epoch(&mut self, _live: &Live) {}

    fn warn(&mut self, _message: &str) {}
}

/// Writes `metrics.jsonl`, TensorBoard's event file and `train.log`, and keeps an [`Observer`] up to date.
pub struct Recorder {
    metrics: Option<Metrics>,
    events: Option<EventWriter>,
    log: Option<RunLog>,
    observer: Box<dyn Observer>,
    since_record: Window,
    since_epoch: Window,
    shape: Shape,
    started: Instant,
    /// Time spent on measuring the untrained network.
    measuring: Duration,
    first_step: Option<Duration>,
}

/// A stretch of time, and how much of it was spent waiting for data.
struct Window {
    begun: Instant,
    waited: Duration,
    first_step: usize,
}

impl Window {
    fn from(first_step: usize) -> Self {
        Self { begun: Instant::now(), waited: Duration::ZERO, first_step }
    }
}

/// How a training is counted.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Epochs in all.
    pub epochs: usize,
    /// Steps in an epoch.
    pub steps: usize,
    /// Instances in a step.
    pub instances: usize,
    /// What these are called: `images`.
    pub called: &'static str,
    /// What is measured.
    pub yardstick: Yardstick,
}

impl Recorder {
    /// Writes where writers are given, and tells `observer`.
    pub fn new(
        metrics: Option<Metrics>,
        events: Option<EventWriter>,
        log: Option<RunLog>,
        observer: Box<dyn Observer>,
    ) -> Self {
        let (since_record, since_epoch) = (Window::from(0), Window::from(0));
        Self {
            metrics,
            events,
            log,
            observer,
            since_record,
            since_epoch,
            shape: Shape { epochs: 0, steps: 0, instances: 0, yardstick: Yardstick::KNN, called: "images" },
            started: Instant::now(),
            measuring: Duration::ZERO,
            first_step: None,
        }
    }

    /// Counts the time to the first step from this moment on, when data and network were not there yet.
    pub fn started(self, moment: Instant) -> Self {
        Self { started: moment, ..self }
    }

    /// How long it took from the start to the end of the first step, without measuring the untrained network.
    pub fn first_step(&self) -> Option<Duration> {
        self.first_step
    }

    /// Writes nothing and tells nobody.
    pub fn silent() -> Self {
        Self::new(None, None, None, Box::new(Silent))
    }

    /// The first step is about to be taken. To be called before any other step is told of.
    pub fn begin(&mut self, progress: &Progress, shape: Shape) {
        self.shape = shape;
        self.since_record = Window::from(progress.step);
        self.since_epoch = Window::from(progress.step);
    }

    /// Leaves the time that `measure` takes out of the time to the first step.
    pub(super) fn measuring<T>(&mut self, measure: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let value = measure();
        self.measuring += begun.elapsed();
        value
    }

    /// Counts the time that `wait` takes as waiting for data.
    pub fn waiting<T>(&mut self, wait: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let value = wait();
        self.since_record.waited += begun.elapsed();
        self.since_epoch.waited += begun.elapsed();
        value
    }

    fn live(&self, window: &Window, progress: &Progress, loss: f64, lr: f64) -> Live {
        let seconds = window.begun.elapsed().as_secs_f64().max(1e-9);
        let steps = (progress.step - window.first_step) as f64;
        Live {
            epoch: (progress.epoch + 1).min(self.shape.epochs),
            epochs: self.shape.epochs,
            step: progress.step_in_epoch,
            steps: self.shape.steps,
            loss,
            lr,
            images_per_second: steps * self.shape.instances as f64 / seconds,
            instances: self.shape.called,
            data_wait: window.waited.as_secs_f64() / seconds,
            yardstick: self.shape.yardstick,
            measured: progress.measured_last.or(progress.measured_before),
        }
    }

    /// Tells the observer of a step.
    ///
    /// # Errors
    /// When `train.log` cannot be written.
    pub fn tell(&mut self, progress: &Progress, loss: f64, lr: f64) -> Result<()> {
        let live = self.live(&self.since_record, progress, loss, lr);
        self.observer.step(&live);
        if self.first_step.is_some() {
            return Ok(());
        }
        let seconds =
            self.first_step.insert(self.started.elapsed().saturating_sub(self.measuring)).as_secs_f64();
        let measuring = self.measuring.as_secs_f64();
        let besides = if measuring > 0.0 {
            format!(", besides {measuring:.2} s to measure the untrained network")
        } else {
            String::new()
        };
        self.log(&format!("first step after {seconds:.2} s{besides}"))
    }

    /// Writes a record of a step, and begins a new window of time. `terms` are those of the loss, `more` is what else was seen.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn step(
        &mut self,
        progress: &Progress,
        [loss, lr]: [f64; 2],
        terms: &[(&str, f64)],
        more: &[(&str, f64)],
    ) -> Result<()> {
        let live = self.live(&self.since_record, progress, loss, lr);
        let mut record = Record::new(Kind::Step, progress.epoch + 1, progress.step as u64);
        record = record.with("loss", loss).with_all(terms);
        record = record
            .with("lr", lr)
            .with("images_per_second", rounded(live.images_per_second, 2))
            .with("data_wait", rounded(live.data_wait, 4));
        if let Some(memory) = Memory::now() {
            record = record.with("memory_mb", megabytes(memory.resident));
        }
        self.since_record = Window::from(progress.step);
        self.write(&record.with_all(more))
    }

    /// How long it is since the last record, or since the training began.
    pub fn since_record(&self) -> Duration {
        self.since_record.begun.elapsed()
    }

    /// Where the training stands at the end of an epoch, before anything is measured: measuring takes time too.
    pub fn finish_epoch(&mut self, progress: &Progress, mean_loss: f64) -> Live {
        let live = self.live(&self.since_epoch, progress, mean_loss, 0.0);
        Live { epoch: progress.epoch, step: self.shape.steps, ..live }
    }

    /// Writes a record of an epoch that stood at `live` when it was over.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn epoch(&mut self, progress: &Progress, live: Live, measured: Option<f64>) -> Result<()> {
        let mut record = Record::new(Kind::Epoch, progress.epoch, progress.step as u64)
            .with("loss", live.loss)
            .with("images_per_second", rounded(live.images_per_second, 2))
            .with("data_wait", rounded(live.data_wait, 4));
        if let Some(measured) = measured {
            record = record.with(live.yardstick.field, measured);
        }
        let live = Live { measured: measured.or(live.measured), ..live };
        self.observer.epoch(&live);
        let Yardstick { title, .. } = live.yardstick;
        let worth = measured
            .map_or_else(String::new, |value| format!(", {title} {}", live.yardstick.shown(value, 2)));
        let loss = match live.loss.is_nan() {
            true => "no loss yet".to_owned(),
            false => format!("mean loss {:.4}", live.loss),
        };
        self.log(&format!(
            "epoch {}/{}: {loss}, {:.1} {}/s, {:.1} % waiting for data{worth}",
            live.epoch,
            live.epochs,
            live.images_per_second,
            live.instances,
            100.0 * live.data_wait
        ))?;
        self.since_record = Window::from(progress.step);
        self.since_epoch = Window::from(progress.step);
        self.write(&record)
    }

    /// Writes a line to `train.log`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn log(&self, line: &str) -> Result<()> {
        self.log.as_ref().map_or(Ok(()), |log| log.line(line))
    }

    /// Brings the records to the disk, before a checkpoint that is to follow them.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn sync(&self) -> Result<()> {
        self.metrics.as_ref().map_or(Ok(()), Metrics::sync)
    }

    /// Something that should be known at once.
    ///
    /// # Errors
    /// When `train.log` cannot be written.
    pub fn warn(&mut self, message: &str) -> Result<()> {
        self.observer.warn(message);
        self.log(&format!("warning: {message}"))
    }

    /// Writes a record of any kind.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, record: &Record) -> Result<()> {
        if let Some(events) = &mut self.events {
            let prefix = match record.kind {
                Kind::Step => "",
                Kind::Epoch => "epoch/",
                Kind::Episode => "episode/",
            };
            let scalars: Vec<(String, f32)> = record
                .values
                .iter()
                .filter_map(|(name, value)| Some((format!("{prefix}{name}"), value.as_f64()? as f32)))
                .collect();
            let scalars: Vec<(&str, f32)> =
                scalars.iter().map(|(name, value)| (name.as_str(), *value)).collect();
            events.scalars(record.step, &scalars)?;
        }
        match &mut self.metrics {
            Some(metrics) => metrics.write(record),
            None => Ok(()),
        }
    }
}

fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}
