declare module '*.module.css' {
  export const book: string;
}
