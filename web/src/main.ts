import "./style/tokens.css";
import "./style/page.css";
import "./style/text.css";
import "./style/suggestions.css";
import "./style/panels.css";
import { Page } from "./page.ts";

void new Page().start();
