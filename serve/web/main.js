// Begins: each tab by itself, so that one that fails leaves the others.

import * as adding from "./adding.js";
import { askForKey } from "./api.js";
import * as classify from "./classify.js";
import * as collections from "./collections.js";
import { $, toast } from "./dom.js";
import * as drop from "./drop.js";
import * as evaluations from "./evaluations.js";
import * as filters from "./filter.js";
import * as map from "./map.js";
import * as search from "./search.js";
import * as system from "./system.js";
import * as tabs from "./tabs.js";

drop.begin();
filters.begin();
search.begin();
adding.begin(search.again);
classify.begin();
map.begin(search.searchFrom);
evaluations.begin();
system.begin();
tabs.begin();
if (document.documentElement.dataset.keys === "yes") {
  $("key-button").hidden = false;
  $("key-button").addEventListener("click", async () => { if (await askForKey()) location.reload(); });
}
collections.begin().catch(error => {
  $("say").textContent = error.message;
  toast(error.message);
});
