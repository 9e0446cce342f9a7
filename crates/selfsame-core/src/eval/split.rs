//! Which labelled instances a classifier learns from, and which it is asked about.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::data::Instances;
use crate::{Error, Random, Result};

/// Of one folder of classes, one instance in this many is a query.
const HELD_OUT: usize = 5;

/// Names of the folder beside `train` that holds the queries.
const TEST_FOLDERS: [&str; 3] = ["test", "val", "validation"];

/// How many names an error lists.
const LISTED: usize = 5;

/// Instances with a class each.
pub struct LabelledSet<D> {
    /// Where they are.
    pub dataset: Arc<D>,
    /// Their numbers in the data set, class after class, sorted by name within a class.
    pub instances: Vec<usize>,
    /// For each class of the data set its number in [`Split::classes`].
    numbers: Vec<usize>,
}

/// Labelled instances to learn from and to be asked about.
pub struct Split<D> {
    /// Names of the classes; labels are numbers in this list.
    pub classes: Vec<String>,
    /// To learn from.
    pub train: LabelledSet<D>,
    /// To be asked about.
    pub test: LabelledSet<D>,
    /// How the two came about, in words.
    pub how: String,
}

// Not derived: what is shared need not be cloned.
impl<D> Clone for LabelledSet<D> {
    fn clone(&self) -> Self {
        let Self { dataset, instances, numbers } = self;
        Self { dataset: dataset.clone(), instances: instances.clone(), numbers: numbers.clone() }
    }
}

impl<D> Clone for Split<D> {
    fn clone(&self) -> Self {
        let Self { classes, train, test, how } = self;
        Self { classes: classes.clone(), train: train.clone(), test: test.clone(), how: how.clone() }
    }
}

impl<D: Instances> Split<D> {
    /// Labelled instances to learn from and others to be asked about, at these places (class folders, usually).
    ///
    /// # Errors
    /// Data that cannot be opened, and as [`of_pair`](Self::of_pair).
    pub fn open_pair(train: &Path, test: &Path, options: &D::Options) -> Result<Self> {
        Self::of_pair(Arc::new(D::open(train, options)?), Arc::new(D::open(test, options)?))
    }

    /// Labelled instances to learn from and others to be asked about.
    ///
    /// # Errors
    /// Data that has no labels or fewer than two classes, and classes that are in one of the two only.
    pub fn of_pair(train: Arc<D>, test: Arc<D>) -> Result<Self> {
        let how = format!("train: {}, test: {}", train.path().display(), test.path().display());
        check_labels(&*train)?;
        check_labels(&*test)?;
        check_classes(&*train, &*test)?;
        check_classes(&*test, &*train)?;
        let classes = train.classes().to_vec();
        let train = LabelledSet::all(train, &classes);
        let test = LabelledSet::all(test, &classes);
        Ok(Self { classes, train, test, how })
    }

    /// A folder with `train/` and `test/` (or `val/`) inside; or one set of classes, of which every fifth
    /// instance is held out.
    ///
    /// # Errors
    /// As [`open_pair`](Self::open_pair) and [`held_out`](Self::held_out).
    pub fn open(data: &Path, options: &D::Options) -> Result<Self> {
        let train = data.join("train");
        let test = TEST_FOLDERS.map(|name| data.join(name)).into_iter().find(|folder| folder.is_dir());
        match test {
            Some(test) if train.is_dir() => Self::open_pair(&train, &test, options),
            _ => Self::held_out(Arc::new(D::open(data, options)?)),
        }
    }

    /// Every fifth instance of each class, by name, is a query; the others are learned from. No chance is
    /// involved.
    ///
    /// # Errors
    /// Data that has no labels, fewer than two classes, or fewer than five instances in every class.
    pub fn held_out(dataset: Arc<D>) -> Result<Self> {
        check_labels(&*dataset)?;
        let classes = dataset.classes().to_vec();
        let all = LabelledSet::all(dataset, &classes);
        let (mut train, mut test) = (Vec::new(), Vec::new());
        for class in all.by_class() {
            for (place, instance) in class.into_iter().enumerate() {
                let is_query = place % HELD_OUT == HELD_OUT - 1;
                if is_query { &mut test } else { &mut train }.push(instance);
            }
        }
        if test.is_empty() {
            return Err(Error::data(
                all.dataset.path(),
                format!("no class has {HELD_OUT} {}s, so that none can be held out to ask about", D::NAME),
                format!("label more {}s, or give others to ask about with --train DIR --test DIR", D::NAME),
            ));
        }
        let (name, path) = (D::NAME, all.dataset.path().display());
        let how = format!("every fifth {name} of each class of {path} is held out");
        let (train, test) = (all.with(train), all.with(test));
        Ok(Self { classes, train, test, how })
    }

    /// At most about `train` and `test` instances, the same share of every class, drawn at this address.
    pub fn at_most(&self, train: usize, test: usize, random: &Random) -> Self {
        let share = |set: &LabelledSet<D>, limit: usize| limit as f64 / set.instances.len().max(1) as f64;
        Self {
            train: self.train.fraction(share(&self.train, train), &random.named("train")),
            test: self.test.fraction(share(&self.test, test), &random.named("test")),
            ..self.clone()
        }
    }
}

impl<D: Instances> LabelledSet<D> {
    /// All instances of `dataset` that have a class, which must be one of `classes`.
    fn all(dataset: Arc<D>, classes: &[String]) -> Self {
        let number = |name: &String| classes.iter().position(|class| class == name).unwrap_or(usize::MAX);
        let numbers = dataset.classes().iter().map(number).collect();
        let mut set = Self { instances: Vec::new(), numbers, dataset };
        let mut labelled: Vec<_> = (0..set.dataset.len())
            .filter_map(|instance| Some((set.label(instance)?, set.dataset.name(instance), instance)))
            .collect();
        labelled.sort();
        set.instances = labelled.into_iter().map(|(_, _, instance)| instance).collect();
        set
    }

    fn with(&self, instances: Vec<usize>) -> Self {
        Self { instances, ..self.clone() }
    }

    /// The class of an instance of the data set, a number in [`Split::classes`].
    pub fn label(&self, instance: usize) -> Option<usize> {
        self.dataset.label(instance).and_then(|class| self.numbers.get(class).copied())
    }

    fn by_class(&self) -> impl Iterator<Item = Vec<usize>> {
        let mut classes: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for &instance in &self.instances {
            classes.entry(self.label(instance)).or_default().push(instance);
        }
        classes.into_values()
    }

    /// This share of every class, rounded up, drawn at this address; all of it from 1 on. A smaller share is
    /// part of a larger one.
    pub fn fraction(&self, share: f64, random: &Random) -> Self {
        let mut chosen = Vec::new();
        for (number, class) in self.by_class().enumerate() {
            let count = ((class.len() as f64 * share).ceil() as usize).min(class.len());
            let order = random.at(number as u64).permutation(class.len());
            let mut drawn: Vec<_> = order.into_iter().take(count).collect();
            drawn.sort_unstable();
            chosen.extend(drawn.into_iter().map(|place| class[place]));
        }
        self.with(chosen)
    }
}

fn check_labels<D: Instances>(dataset: &D) -> Result<()> {
    let name = D::NAME;
    let help = format!(
        "put the {name}s into one folder a class, such as {}; or give a folder with such folders in train/ and test/",
        D::EXAMPLE
    );
    let what = match dataset.classes() {
        [] => format!("the {name}s have no labels"),
        [one] => format!("there is only one class with {name}s, `{one}`"),
        _ => return Ok(()),
    };
    Err(Error::data(dataset.path(), what, help))
}

/// Every class of `of` has instances in `among`.
fn check_classes<D: Instances>(among: &D, of: &D) -> Result<()> {
    let mut missing = of.classes().iter().filter(|class| !among.classes().contains(class)).peekable();
    if missing.peek().is_none() {
        return Ok(());
    }
    let names: Vec<_> = missing.map(|class| format!("`{class}`")).collect();
    let more = if names.len() > LISTED { ", …" } else { "" };
    let listed = names[..names.len().min(LISTED)].join(", ");
    Err(Error::data(
        among.path(),
        format!("classes of {} have no {}s here: {listed}{more}", of.path().display(), D::NAME),
        "name the class folders alike on both sides, and leave out classes that are on one side only",
    ))
}
