//! Identity of a metric.

/// A metric: namespace, name and dimensions. Its dimensions are sorted, so that their order makes no difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    namespace: Box<str>,
    name: Box<str>,
    dimensions: Box<[(Box<str>, Box<str>)]>,
}

impl Metric {
    /// A metric with these dimensions, in whatever order.
    pub fn new<'a>(
        namespace: &str,
        name: &str,
        dimensions: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let mut dimensions: Vec<(Box<str>, Box<str>)> =
            dimensions.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        dimensions.sort_unstable();
        Self { namespace: namespace.into(), name: name.into(), dimensions: dimensions.into() }
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Names and values of the dimensions, by name.
    pub fn dimensions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.dimensions.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// Memory that it takes beside itself, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        let of_dimension = |(name, value): &(Box<str>, Box<str>)| name.len() + value.len();
        self.namespace.len()
            + self.name.len()
            + size_of_val(&*self.dimensions)
            + self.dimensions.iter().map(of_dimension).sum::<usize>()
    }
}

/// Filter of metrics; an absent condition excludes nothing.
#[derive(Debug, Clone, Default)]
pub struct MetricFilter {
    /// Of this namespace.
    pub namespace: Option<String>,
    /// Of this name.
    pub name: Option<String>,
    /// With these dimensions, and of this value where there is one.
    pub dimensions: Vec<(String, Option<String>)>,
    /// Written not longer ago than this, in milliseconds.
    pub written_within_ms: Option<u64>,
}

impl MetricFilter {
    pub(crate) fn matches(&self, metric: &Metric) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|text| text == found);
        let has = |(name, value): &(String, Option<String>)| {
            metric.dimensions().any(|(found, with)| found == name && is(value, with))
        };
        is(&self.namespace, &metric.namespace)
            && is(&self.name, &metric.name)
            && self.dimensions.iter().all(has)
    }
}

macro_rules! units {
    ($($unit:ident = $name:literal),+ $(,)?) => {
        /// Unit of measure of a metric's values.
        #[allow(missing_docs, reason = "CloudWatch documents them")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Unit {
            $($unit,)+
        }

        impl Unit {
            /// All of them (model: `StandardUnit`).
            pub const ALL: &[Self] = &[$(Self::$unit,)+];

            /// As CloudWatch names it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$unit => $name,)+
                }
            }
        }
    };
}

units! {
    Seconds = "Seconds", Microseconds = "Microseconds", Milliseconds = "Milliseconds", Bytes = "Bytes",
    Kilobytes = "Kilobytes", Megabytes = "Megabytes", Gigabytes = "Gigabytes", Terabytes = "Terabytes",
    Bits = "Bits", Kilobits = "Kilobits", Megabits = "Megabits", Gigabits = "Gigabits", Terabits = "Terabits",
    Percent = "Percent", Count = "Count", BytesPerSecond = "Bytes/Second",
    KilobytesPerSecond = "Kilobytes/Second", MegabytesPerSecond = "Megabytes/Second",
    GigabytesPerSecond = "Gigabytes/Second", TerabytesPerSecond = "Terabytes/Second",
    BitsPerSecond = "Bits/Second", KilobitsPerSecond = "Kilobits/Second", MegabitsPerSecond = "Megabits/Second",
    GigabitsPerSecond = "Gigabits/Second", TerabitsPerSecond = "Terabits/Second",
    CountPerSecond = "Count/Second", None = "None",
}

impl Unit {
    /// The unit of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|unit| unit.name() == name)
    }
}
