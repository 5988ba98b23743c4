declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace Express {
    /** What `request.session` is, by the export path that is in use. */
    // eslint-disable-next-line @typescript-eslint/no-empty-object-type
    interface LatchkeySessions {}

    interface Request {
      session: RequestSession
    }
  }
}

/** What `request.session` is on Express: the session of the export path that is in use; where several are, what all of them say. */
export type RequestSession = Together<Express.LatchkeySessions[keyof Express.LatchkeySessions]>

type Together<Types> = (Types extends unknown ? (each: Types) => void : never) extends (all: infer All) => void
  ? All
  : never
