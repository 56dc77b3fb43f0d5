/** Stands in for Daily's SDK, which the page never uses (see vite.config.ts). */
export default {};
