//! Grids, right and wrong.

use super::*;

const GRID: &str = r#"
title = "Colour"
base = "tiny.toml"
common = { schedule = { epochs = 2 } }
published = { what = "made up", values = [[1.0, 2.0], [3.0, nan]] }

[rows]
title = "Jitter"
values = [{ label = "Off", set = { views = { jitter = 0.0 } } }, { label = "On", set = {} }]

[columns]
title = "Loss"
values = [{ label = "τ 0.5" }, { label = "τ 0.1", set = { objective = { temperature = 0.1 } } }]
"#;

fn load(text: &str) -> Result<Grid, TrainError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tiny.toml"), include_str!("../../../recipes/tiny.toml")).unwrap();
    let path = folder.path().join("grid.toml");
    std::fs::write(&path, text).unwrap();
    Grid::load(&path)
}

#[test]
fn a_cell_is_the_base_with_what_its_row_and_column_set() {
    let grid = load(GRID).unwrap();
    let names: Vec<&str> = grid.cells.iter().map(|cell| cell.name.as_str()).collect();
    assert_eq!(names, ["off-0.5", "off-0.1", "on-0.5", "on-0.1"]);
    let base = TrainRecipe::parse(include_str!("../../../recipes/tiny.toml")).unwrap();
    let mut expected = base.clone();
    expected.name = "off-0.5".into();
    expected.schedule.epochs = 2;
    expected.views.jitter = 0.0;
    assert_eq!(grid.cells[0].recipe, expected);
    assert_eq!(grid.cells[3].recipe.views, base.views);
    assert_ne!(grid.cells[3].recipe.objective, base.objective);
    assert_eq!(TrainRecipe::parse(&grid.cells[3].text).unwrap(), grid.cells[3].recipe);
}

#[test]
fn cells_of_one_recipe_share_the_firsts_run() {
    let turn = "{ label = \"Turn\", set = { views = { turn = 1.0 } } }";
    let noise = "{ label = \"Noise\", set = { views = { noise = 1.0 } } }";
    let pairs = format!(
        "title = \"Pairs\"\nbase = \"tiny.toml\"\nrows = {{ title = \"First\", values = [{turn}, {noise}] }}\n\
         columns = {{ title = \"Second\", values = [{turn}, {noise}] }}"
    );
    let grid = load(&pairs).unwrap();
    let names: Vec<&str> = grid.cells.iter().map(|cell| cell.name.as_str()).collect();
    assert_eq!(names, ["turn-turn", "turn-noise", "turn-noise", "noise-noise"]);
    assert_eq!((grid.cells[2].row, grid.cells[2].column), (1, 0));
    assert_eq!(grid.cells[2].text, grid.cells[1].text);
}

#[test]
fn published_numbers_may_have_labels_of_their_own() {
    let own = "values = [[1.0, 2.0, 3.0]], rows = [\"1\"], columns = [\"x\", \"y\", \"z\"]";
    let text = GRID.replace("values = [[1.0, 2.0], [3.0, nan]]", own);
    assert_eq!(load(&text).unwrap().published.unwrap().rows.unwrap(), ["1"]);
    let error = load(&text.replace(", \"z\"]", "]")).unwrap_err().to_string();
    assert!(error.contains("1 rows of 2"), "{error}");
    let one_column = &text[..text.find("[columns]").unwrap()];
    assert!(load(one_column).unwrap_err().to_string().contains("need a grid with columns"));
}

#[test]
fn what_is_wrong_is_named() {
    for (from, to, named) in [
        ("tiny.toml", "none.toml", "none.toml"),
        ("jitter = 0.0", "jitter = 2.0", "off-0.5: recipe: views.jitter"),
        ("label = \"On\"", "label = \"off\"", "two cells"),
        ("label = \"Off\"", "label = \".5\"", ".5-0.5: recipe: name must be"),
        ("[3.0, nan]", "[3.0]", "2 rows of 2"),
        ("common =", "uncommon =", "uncommon"),
    ] {
        assert!(GRID.contains(from), "{from}");
        let error = load(&GRID.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
}
