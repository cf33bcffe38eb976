//! Expressions as they are written: placeholders not looked up, nothing checked but the grammar.

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step<'a> {
    Name(&'a str),
    /// `#name`
    Placeholder(&'a str),
    /// Of a list, in digits.
    Index(&'a str),
}

/// A path; it has a step, and the first is a name.
pub(super) type Path<'a> = Vec<Step<'a>>;

/// Operand of an operator or a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operand<'a> {
    Path(Path<'a>),
    /// `:value`
    Value(&'a str),
    Call(Call<'a>),
}

/// A function, applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call<'a> {
    pub(super) function: &'a str,
    pub(super) operands: Vec<Operand<'a>>,
}

/// Operator that compares two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparator {
    pub(super) const ALL: [Self; 6] =
        [Self::Equal, Self::NotEqual, Self::Less, Self::LessOrEqual, Self::Greater, Self::GreaterOrEqual];

    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition<'a> {
    Compare(Comparator, Operand<'a>, Operand<'a>),
    /// The value, the lower bound, the upper.
    Between(Operand<'a>, Operand<'a>, Operand<'a>),
    In(Operand<'a>, Vec<Operand<'a>>),
    Call(Call<'a>),
    And(Vec<Condition<'a>>),
    Or(Vec<Condition<'a>>),
    Not(Box<Condition<'a>>),
}

/// A kind of section of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Set,
    Remove,
    Add,
    Delete,
}

impl Section {
    pub(super) const ALL: [Self; 4] = [Self::Set, Self::Remove, Self::Add, Self::Delete];

    pub(super) fn keyword(self) -> &'static str {
        match self {
            Self::Set => "SET",
            Self::Remove => "REMOVE",
            Self::Add => "ADD",
            Self::Delete => "DELETE",
        }
    }
}

/// The sign between two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Plus,
    Minus,
}

impl Sign {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Plus => "+",
            Self::Minus => "-",
        }
    }
}

/// Right side of an action of SET.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SetValue<'a> {
    Operand(Operand<'a>),
    Sum(Operand<'a>, Sign, Operand<'a>),
}

/// One action of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action<'a> {
    Set(Path<'a>, SetValue<'a>),
    Remove(Path<'a>),
    Add(Path<'a>, &'a str),
    Delete(Path<'a>, &'a str),
}

/// Sections in the order they are written.
pub(super) type Update<'a> = Vec<(Section, Vec<Action<'a>>)>;
