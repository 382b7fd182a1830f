declare module '*.module.scss' {
  const classes: Record<string, string>;
  export default classes;
}
declare module '*.svg?no-inline' {
  const address: string;
  export default address;
}
