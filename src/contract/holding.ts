/** Who made a resource that a provider keeps, such as a stored response, and where it is. */
export interface Holding {
  login: string;
  provider: string;
  /** As the maker's request named it. */
  model: string;
}

/** What the database knows of a resource, as one caller may hear it. */
export type Whose = { of: 'caller'; holding: Holding } | { of: 'another' } | { of: 'nobody' };
