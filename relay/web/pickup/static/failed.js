// Its message names the text of the page that says so.
export class Failed extends Error {}

// The statuses of a service that is away, or has too much to do.
export const BUSY = [429, 502, 503, 504];
