// Its message names the text of the page that says so.
export class Failed extends Error {}
