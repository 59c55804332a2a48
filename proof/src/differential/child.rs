//! A Python that asks the implementations that are no part of this program: `peers/peer.py`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child as Process, ChildStdin, ChildStdout, Command, Stdio};

/// Ends with the end of its input.
pub(crate) struct Child {
    process: Process,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Child {
    /// Starts the Python that `PROOF_PYTHON` names.
    pub(crate) fn start() -> Self {
        let python = std::env::var_os("PROOF_PYTHON").expect(
            "PROOF_PYTHON is a Python that has what peers/peer.py imports: proof/run makes one. \
             --embedded asks nobody outside of this program",
        );
        let mut process = Command::new(python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/peers/peer.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("PROOF_PYTHON is a Python");
        let input = process.stdin.take().expect("a pipe");
        let output = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut child = Self { process, input, output };
        println!("  with {}", child.ask("versions"));
        child
    }

    /// Asks one question and returns the answer.
    pub(crate) fn ask(&mut self, question: &str) -> String {
        self.input.write_all(question.as_bytes()).expect("the child reads");
        self.input.write_all(b"\n").expect("the child reads");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the child answers");
        assert!(line.ends_with('\n'), "the child has ended, asked: {question}");
        line.truncate(line.trim_end().len());
        line
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It waits for a question, or is busy with one that nobody waits for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
