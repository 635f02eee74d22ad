declare module "*.css" {
  const text: string; // tools/bundle.py puts the file's text here
  export default text;
}
