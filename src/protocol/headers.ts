/** The header with the value of `after` for the next page. The last page does not have it. */
export const NEXT_HEADER = 'niwa-next';

/** The header of a stream of events. The stream begins after the event with this number. */
export const AFTER_HEADER = 'niwa-after';
