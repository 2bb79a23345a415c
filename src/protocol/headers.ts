/** The header that has the `after` of the next page; missing with the last page. */
export const NEXT_HEADER = 'niwa-next';

/** The header of a stream of events: it begins behind the event with this number. */
export const AFTER_HEADER = 'niwa-after';
