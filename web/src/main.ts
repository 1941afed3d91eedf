import { mount } from "svelte";
import "./app.css";
import Page from "./components/Page.svelte";

const target = document.getElementById("app");
if (!target) throw new Error("The page has no place to be shown in.");
mount(Page, { target });
