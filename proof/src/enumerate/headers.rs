//! One header in several forms, and all pairs of forms of two headers; knows no handshake.

/// A header: how it should be, and how it should not or need not be.
pub(crate) struct Header {
    pub(crate) name: &'static str,
    pub(crate) right: &'static str,
    pub(crate) forms: &'static [Form],
}

/// Values, one line for each; and what an endpoint makes of them.
pub(crate) type Form = (&'static [&'static str], Verdict);

/// `Ok`, or what the refusal says.
pub(crate) type Verdict = Result<(), u16>;

/// Header lines, and what each of them that is not right should lead to.
pub(crate) struct Head {
    pub(crate) lines: String,
    pub(crate) verdicts: Vec<Verdict>,
}

impl Head {
    /// Whether any of the verdicts is a refusal.
    pub(crate) fn is_refused(&self) -> bool {
        self.verdicts.iter().any(Result::is_err)
    }
}

/// Returns the right head, the heads with one header in another form, and those with two.
pub(crate) fn heads(headers: &[Header]) -> Vec<Head> {
    let mut heads = vec![head(headers, &[])];
    for (index, header) in headers.iter().enumerate() {
        for form in header.forms {
            heads.push(head(headers, &[(index, form)]));
            for (other, second) in headers.iter().enumerate().skip(index + 1) {
                let both = second.forms.iter().map(|second| [(index, form), (other, second)]);
                heads.extend(both.map(|changes| head(headers, &changes)));
            }
        }
    }
    heads
}

fn head(headers: &[Header], changes: &[(usize, &Form)]) -> Head {
    let mut lines = String::new();
    for (index, header) in headers.iter().enumerate() {
        let change = changes.iter().find(|(changed, _)| *changed == index);
        let values = change.map_or(core::slice::from_ref(&header.right), |(_, (values, _))| values);
        for value in values {
            lines += &format!("{}: {value}\r\n", header.name);
        }
    }
    Head { lines, verdicts: changes.iter().map(|(_, (_, verdict))| *verdict).collect() }
}
