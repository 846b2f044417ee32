//! The shell blocks of a document, each with who runs it.

/// A block fenced as `sh KIND WORD…`.
#[derive(Debug)]
pub struct Block {
    /// Who runs it: the first word behind the language, empty if there is none.
    pub kind: String,
    /// What else the fence says: the tools that the block needs, what must have happened before.
    pub words: Vec<String>,
    pub commands: String,
}

/// All fenced blocks of a text, in their order. Another language than `sh` is a kind of its own.
pub fn of(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in text.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (Some(_), Some("")) => blocks.extend(open.take()),
            (Some(block), _) => {
                block.commands.push_str(line);
                block.commands.push('\n');
            }
            (None, Some(fence)) => {
                let mut words = fence.split_whitespace().skip_while(|word| *word == "sh");
                let kind = words.next().unwrap_or_default().to_owned();
                let words = words.map(str::to_owned).collect();
                open = Some(Block { kind, words, commands: String::new() });
            }
            (None, None) => {}
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_says_who_runs_it() {
        let text =
            "a\n```sh runnable curl x\none\n  two\n```\nb\n```sh\nthree\n```\n```json\n{}\n```\n";
        let blocks = of(text);
        let kinds: Vec<&str> = blocks.iter().map(|block| block.kind.as_str()).collect();
        assert_eq!(kinds, ["runnable", "", "json"]);
        assert_eq!(blocks[0].words, ["curl", "x"]);
        assert_eq!(blocks[0].commands, "one\n  two\n");
    }
}
