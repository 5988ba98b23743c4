declare module 'passport-0-6' {
  const passport: unknown
  export default passport
}
